"""The rules of Phase 16, checked: which words, imports, columns, states and kinds of RPC the code may have."""
