// Of Virtuoso 8188baf: the file that the adapter replaces, by the line that tells which it is.
#pragma once
template <typename Policy>
class Buddy : private Policy
{
    static_assert(sizeof(Policy) == 0, "must have been replaced");
};
