"""The benchmark: what the plugin costs, side by side with its libraries and with other programs.

``make bench`` runs all of it; ``make test`` runs the short form. In a namespace of its own:

responder  a resolver whose every answer takes one round trip
runs       the commands that are compared, and what one run of a command cost
measures   the goals, and how each figure comes from runs
"""
