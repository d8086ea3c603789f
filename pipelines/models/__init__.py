"""Training of the models that recognition uses. Needs the inference environment where it says so."""
