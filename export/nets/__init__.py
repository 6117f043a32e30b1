"""The networks in torch, one file each."""
