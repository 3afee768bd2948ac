"""The errors that `lic` raises; every message says what to do next."""


class LicError(Exception):
    """Base class of all errors that `lic` raises."""


class NotALicFile(LicError):
    """The data does not start like a .lic file."""


class Truncated(LicError):
    """The data ends early."""


class Corrupt(LicError):
    """The data contradicts its checksum or itself."""


class TooLarge(LicError):
    """The file declares a picture beyond the size limit."""


class UnsupportedVersion(LicError):
    """The file asks for something that this version of `lic` does not know."""


class ModelNotFound(LicError):
    """No model with the fingerprint that a file needs, or no model of that name."""


class BadModel(LicError):
    """A model file is damaged or not one of ours."""


class BadImage(LicError):
    """The picture to encode has a type, shape or size that cannot be encoded."""


class Lessened(UserWarning):
    """A picture has more than 8 bits per sample, or is in CMYK: not even a lossless file keeps all of it."""


class BadSetting(LicError):
    """A quality or other setting is out of its range."""
