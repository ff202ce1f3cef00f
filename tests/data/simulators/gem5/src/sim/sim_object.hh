// Of gem5 v24.0: the base of all objects of a simulation, as far as the adapter uses it.
#ifndef __SIM_OBJECT_HH__
#define __SIM_OBJECT_HH__
#include <string>
#include "sim/serialize.hh"
namespace gem5 {
struct SimObjectParams {
    std::string name;
};
class SimObject : public Serializable {
public:
    using Params = SimObjectParams;
    SimObject(const Params &p) : objName(p.name) {}
    virtual std::string name() const { return objName; }
    virtual void init() {}
    void serialize(CheckpointOut &) const override {}
    void unserialize(CheckpointIn &) override {}

private:
    std::string objName;
};
}
#endif
