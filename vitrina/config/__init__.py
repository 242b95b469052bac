"""Every parameter of Vitrina, once.

A field here is the command-line option, the Prefect UI's form entry, the validation and the
documentation. The models are frozen and refuse unknown names; nothing here imports torch or
Prefect, so that help and a wrong value answer at once.
"""
