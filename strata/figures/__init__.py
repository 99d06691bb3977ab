"""Figures: what a reader of the paper looks at, and the numbers behind each; one module a question.

Every function takes tables and returns a figure with the table that it shows.
"""
