"""Make a data set of a folder of images and masks, without changing what is in it."""
