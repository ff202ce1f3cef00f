// Of Ramulator 2.1, c5b1c3a: RAMULATOR_PARSE_PARAM(variable, type, name) with .required() or .default_val(x) behind it.
#ifndef RAMULATOR_BASE_PARAM_H
#define RAMULATOR_BASE_PARAM_H
#include <sstream>
#include <stdexcept>

#include "ramulator/base/base.h"

namespace Ramulator {
template <typename T>
struct ParamReader {
    const ConfigNode &config;
    std::string name;
    std::string impl_name;
    T required() const {
        if (!config.count(name))
            throw std::runtime_error(impl_name + ": " + name + " is missing");
        std::istringstream text(config.at(name));
        T value;
        text >> value;
        return value;
    }
    T default_val(T value) const { return config.count(name) ? required() : value; }
};
} // namespace Ramulator

#define RAMULATOR_PARSE_PARAM(variable, type, name) variable = Ramulator::ParamReader<type>{m_config, name, m_name}

#endif
