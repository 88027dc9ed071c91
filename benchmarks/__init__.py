"""What SpeechAI's speed costs against a floor measured in the same run. `make bench`, or `python -m benchmarks NAME`."""
