// Makes the translation by its name and touches pages of two cores.  Usage: drive PAGES STEP [NAME VALUE]...
#include <cstdio>
#include <cstdlib>

#include "ramulator/base/base.h"
#include "ramulator/translation/i_translation.h"

int main(int argc, char **argv) try {
    Ramulator::ConfigNode config;
    for (int k = 3; k + 1 < argc; k += 2)
        config[argv[k]] = argv[k + 1];
    std::unique_ptr<Ramulator::Implementation> made(Ramulator::factory().at("BuddycapTranslation")(config));
    made->init();
    auto *translation = dynamic_cast<Ramulator::ITranslation *>(made.get());
    const std::int64_t pages = std::atoll(argv[1]), step = std::atoll(argv[2]);
    for (std::int64_t k = 0; k < pages; k++)
        for (int core = 0; core < 2; core++) {
            const std::int64_t page = k * step % pages + 4096;
            Ramulator::Request first{page << 12 | 0x123, 0, core}, again = first;
            if (!translation->translate(first) || !translation->translate(again) || first.addr != again.addr)
                return 3;
            if ((first.addr & 0xFFF) != 0x123)
                return 4;
            std::printf("%d %lld %lld\n", core, static_cast<long long>(page), static_cast<long long>(first.addr >> 12));
        }
    return 0;
} catch (const std::exception &error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}
