"""Fine-tuning ruCLIP."""
