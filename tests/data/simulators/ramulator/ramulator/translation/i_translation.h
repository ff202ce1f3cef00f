// Of Ramulator 2.1, c5b1c3a.
#ifndef RAMULATOR_TRANSLATION_I_TRANSLATION_H
#define RAMULATOR_TRANSLATION_I_TRANSLATION_H
#include "ramulator/base/base.h"
#include "ramulator/base/request.h"
namespace Ramulator {
class ITranslation {
    RAMULATOR_REGISTER_INTERFACE(ITranslation, "translation")
public:
    virtual bool translate(Request &req) = 0;
};
} // namespace Ramulator
#endif
