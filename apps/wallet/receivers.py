"""What the wallet does when the chain moves."""
