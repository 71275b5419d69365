"""Trainings of many sizes over compute: their curves, the laws that these follow, forecasts, and pictures of it."""
