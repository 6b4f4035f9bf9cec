"""What the scenario `fetch` needs: a storage of a known speed, a sealed model, two clients."""
