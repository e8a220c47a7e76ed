"""模 models: how large models are made to fit, tuned, judged and shipped."""
