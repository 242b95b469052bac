"""A run's model as ONNX files, and an encoder that needs no torch to use them."""
