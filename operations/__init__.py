"""The `batch-scoring` command: sends, trains, scores, shows results.

It talks to Azure's APIs; on files, to the two engines.
"""
