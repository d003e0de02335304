"""Models of images: their files come inside packages, are loaded by ONNX Runtime, and give the same numbers for the same image.

A module is one model: what it is shown, what it says, and where it is from. Scorers in `filters` make columns of that.
"""
