"""How work is carried out: on how many cores, on which Ray cluster, with which progress."""
