// What gem5 v24.0 generates from BuddyPool.py, in the order of its parameters.
#ifndef __PARAMS__BuddyPool__
#define __PARAMS__BuddyPool__
#include <string>
#include "sim/sim_object.hh"
namespace gem5 {
class SEWorkload;
struct BuddyPoolParams : public SimObjectParams {
    std::string image;
    int pool_id;
    gem5::SEWorkload *workload;
};
}
#endif
