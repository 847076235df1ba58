"""Adapters: one package per framework, with the same file names in each."""

from .registry import BACKENDS, Adapter, backend, backend_names

__all__ = ["Adapter", "BACKENDS", "backend", "backend_names"]
