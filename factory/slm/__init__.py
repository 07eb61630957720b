"""The small language model of the box: tokenizer, data, model, training, export and evaluation, one subject a file."""
