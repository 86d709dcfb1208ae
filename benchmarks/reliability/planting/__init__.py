"""Faults that are planted into correct data sets, and unusual data sets without any."""
