"""Where a model's file is brought from, one module a scheme; `opening` chooses by the URI."""
