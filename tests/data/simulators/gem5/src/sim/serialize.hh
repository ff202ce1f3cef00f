// Of gem5 v24.0: how objects write and read checkpoints, as far as the adapter does.
#ifndef __SERIALIZE_HH__
#define __SERIALIZE_HH__
#include <map>
#include <ostream>
#include <string>
namespace gem5 {
typedef std::ostream CheckpointOut;
class CheckpointIn {
public:
    CheckpointIn(const std::string &cpt_dir) : cptDir(cpt_dir) {}
    const std::string getCptDir() { return cptDir; }
    static std::string dir() { return current(); }
    static std::string setDir(const std::string &name) { return current() = name; }
    std::map<std::string, std::string> entries;

private:
    static std::string &current() { static std::string name; return name; }
    std::string cptDir;
};
class Serializable {
public:
    virtual ~Serializable() {}
    virtual void serialize(CheckpointOut &cp) const = 0;
    virtual void unserialize(CheckpointIn &cp) = 0;
};
template <typename T>
void paramOut(CheckpointOut &cp, const std::string &name, const T &value) { cp << name << "=" << value << "\n"; }
template <typename T>
void paramIn(CheckpointIn &cp, const std::string &name, T &value) { value = cp.entries.at(name); }
}
#define SERIALIZE_SCALAR(scalar) paramOut(cp, #scalar, scalar)
#define UNSERIALIZE_SCALAR(scalar) paramIn(cp, #scalar, scalar)
#endif
