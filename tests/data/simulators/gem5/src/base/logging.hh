// Of gem5 v24.0: what ends a run, by name and use.  Here it is an exception with the words of the message.
#ifndef __BASE_LOGGING_HH__
#define __BASE_LOGGING_HH__
#include <sstream>
#include <stdexcept>
#include <string>
namespace gem5 {
template <typename... Args>
[[noreturn]] void exit_message(const Args &...args) {
    std::ostringstream text;
    ((text << args << "|"), ...);
    throw std::runtime_error(text.str());
}
}
#define fatal(...) ::gem5::exit_message(__VA_ARGS__)
#define fatal_if(cond, ...) do { if (cond) ::gem5::exit_message(__VA_ARGS__); } while (0)
#define panic_if(cond, ...) do { if (cond) ::gem5::exit_message(__VA_ARGS__); } while (0)
#endif
