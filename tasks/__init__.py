"""The stages of Vitrina, one file each; see design in CONTRIBUTING.md."""
