"""Fine-tune ruCLIP on product catalogues and embed their listings."""
