"""The bytes: pictures to .lic files and back."""
