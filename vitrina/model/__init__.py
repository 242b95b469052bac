"""ruCLIP: finding, loading and saving it, its tokenizer and its two towers."""
