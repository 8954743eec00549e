// SPDX-License-Identifier: Apache-2.0
#include "init_program.h"

#include <filesystem>
#include <vector>

#include "blindbox/base/file.h"

namespace blindbox::apps {

Result<Bytes> load_init_program(const std::string& path) {
  namespace fs = std::filesystem;
  constexpr std::size_t kCap = 15'000'000;
  if (!path.empty()) return base::read_file(path, kCap);
  std::error_code failed;
  const fs::path here = fs::read_symlink("/proc/self/exe", failed).parent_path();
  std::string looked;
  for (const fs::path& place : {here / "init/blindbox-init", here / "../lib/blindbox/blindbox-init"}) {
    const std::string name = place.lexically_normal().string();
    if (fs::is_regular_file(name, failed)) return base::read_file(name, kCap);
    looked += (looked.empty() ? "" : ", ") + name;
  }
  return base::fail(ErrorKind::io, "blindbox-init is not there", "looked for " + looked,
                    "build it (cmake --build BUILD --target blindbox-init) or "
                    "name it with --init FILE");
}

}  // namespace blindbox::apps
