"""A property that is worked out once. Values here are read by one thread: no lock is needed."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

_T = TypeVar("_T")


class lazy(Generic[_T]):  # noqa: N801 - it reads as a decorator
    """As `functools.cached_property`, which on Python 3.11 takes a lock for each value.

    A document of a megabyte has a hundred thousand of them. Threads that ask at the same time get
    equal values: what it is used for is pure.
    """

    def __init__(self, work_out: Callable[[Any], _T]) -> None:
        self._work_out = work_out
        self.__doc__ = work_out.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> "lazy[_T]": ...
    @overload
    def __get__(self, instance: object, owner: type) -> _T: ...
    def __get__(self, instance: object | None, owner: type) -> "lazy[_T] | _T":
        if instance is None:
            return self
        value = self._work_out(instance)
        # Found there from now on: a class attribute without `__set__` is looked up after it.
        instance.__dict__[self._name] = value
        return value
