"""Start the processes of a training: this one, torchrun's or Ray's workers."""
