"""ruCLIP: find, load and save a model; its tokenizer and its two towers."""
