"""What SpeechAI's speed costs against a floor measured in the same run: `make bench`, `python -m benchmarks NAME`."""
