"""The mathematics of `lic`: transforms, quantisation, densities, autoencoders. Torch only; no file, no byte."""
