// Of Ramulator 2.1, c5b1c3a: the two macros that make and register a component, by name and use.  Here a component takes
// its parameters from a map of texts, and a factory makes it by name.
#ifndef RAMULATOR_BASE_BASE_H
#define RAMULATOR_BASE_BASE_H
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "ramulator/base/request.h"

namespace Ramulator {
using ConfigNode = std::map<std::string, std::string>;

class Implementation {
public:
    virtual ~Implementation() = default;
    virtual void init() = 0;

protected:
    ConfigNode m_config;
};

inline std::map<std::string, std::function<Implementation *(const ConfigNode &)>> &factory() {
    static std::map<std::string, std::function<Implementation *(const ConfigNode &)>> makers;
    return makers;
}
} // namespace Ramulator

#define RAMULATOR_REGISTER_INTERFACE(interface_class, name)                                                                     \
public:                                                                                                                         \
    virtual ~interface_class() = default;

template <typename T>
Ramulator::Implementation *make_component(const Ramulator::ConfigNode &config) { return new T(config); }

#define RAMULATOR_REGISTER_IMPLEMENTATION(interface_class, implementation_class, name)                                          \
public:                                                                                                                         \
    explicit implementation_class(const ConfigNode &config) { m_config = config; }                                              \
    inline static const std::string m_name = name;                                                                              \
    inline static const bool registered = factory().emplace(name, make_component<implementation_class>).second

#endif
