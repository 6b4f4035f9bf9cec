"""Reading live objects: what pods and Jobs say of themselves. Pure."""
