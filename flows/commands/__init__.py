"""The command lines whose work is a Prefect flow: parameters and checks, without Prefect."""
