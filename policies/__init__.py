"""The rules that every preview and every `up` enforces. docs/policies.md lists them."""
