// Ramulator's addresses are translated by aged memory.
//
// For: Ramulator 2.1, c5b1c3a.
// Seam: interface ITranslation (src/ramulator/translation/i_translation.h), the child "translation" of the frontends
// SimpleO3 and BHO3.  Copy this file and the two headers that it includes to src/ramulator/translation/impl/, add it to
// the sources in src/ramulator/translation/CMakeLists.txt, and the library to those that are linked there:
//   target_sources(ramulator-translation PRIVATE impl/buddycap_translation.cpp)
//   target_compile_options(ramulator-translation PRIVATE <buddycap embed --cflags>)
//   target_link_options(ramulator PRIVATE <buddycap embed --libs>)
// Its class in Python is generated with the others.  Parameters:
//   image       the file of `buddycap image make`, of Linux 2.6.27 or 6.1
//   max_addr    bytes of the memory system; the image must fit
//   order       "first-touch" (default), or "by-number": the mapping does not depend on the order of touches
//   seed        of by-number
// A core (source_id) is an address space, as in the RandomTranslation of Ramulator 2.0.  `translate` always answers at
// once: asked again for the same request it says the same.  When memory is full it throws; false, "not yet ready", would
// be asked again for ever.
#include <stdexcept>
#include <memory>
#include <string>

#include "frame_map.hpp"
#include "ramulator/base/base.h"
#include "ramulator/base/param.h"
#include "ramulator/translation/i_translation.h"

namespace Ramulator {

class BuddycapTranslation : public ITranslation, public Implementation {
  RAMULATOR_REGISTER_IMPLEMENTATION(ITranslation, BuddycapTranslation, "BuddycapTranslation");

 private:
  static constexpr int PAGE_BITS = 12;

  std::string m_image;
  Addr_t m_max_paddr;
  std::string m_order;
  int m_seed;
  std::unique_ptr<FrameMap> m_frames;

 public:
  void init() override {
    RAMULATOR_PARSE_PARAM(m_image, std::string, "image").required();
    RAMULATOR_PARSE_PARAM(m_max_paddr, Addr_t, "max_addr").required();
    RAMULATOR_PARSE_PARAM(m_order, std::string, "order").default_val("first-touch");
    RAMULATOR_PARSE_PARAM(m_seed, int, "seed").default_val(0);
    if (m_order != "first-touch" && m_order != "by-number")
      throw std::runtime_error("order \"" + m_order + "\": first-touch or by-number is wanted");
    m_frames = std::make_unique<FrameMap>(m_image, m_order == "by-number", static_cast<std::uint64_t>(m_seed));
    const bc_stats stats = m_frames->image().stats();
    if ((stats.start_pfn + stats.spanned_pages) << PAGE_BITS > m_max_paddr)
      throw std::runtime_error(m_image + ": its memory is larger than max_addr, " + std::to_string(m_max_paddr));
  }

  bool translate(Request& req) override {
    const std::uint64_t address = static_cast<std::uint64_t>(req.addr);
    const std::int64_t frame = m_frames->map(static_cast<std::uint32_t>(req.source_id), address >> PAGE_BITS).first;
    req.addr = static_cast<Addr_t>(frame << PAGE_BITS | static_cast<std::int64_t>(address & ((1 << PAGE_BITS) - 1)));
    return true;
  }
};

}  // namespace Ramulator
