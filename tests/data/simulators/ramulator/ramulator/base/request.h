// Of Ramulator 2.1, c5b1c3a: the fields of a request that a translation reads.
#ifndef RAMULATOR_BASE_REQUEST_H
#define RAMULATOR_BASE_REQUEST_H
#include "ramulator/base/type.h"
namespace Ramulator {
struct Request {
    Addr_t addr = -1;
    int type_id = -1;
    int source_id = -1;
};
}
#endif
