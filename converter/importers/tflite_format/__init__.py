"""The .tflite importer: a native reader of the schema, and one function a builtin operator."""
