#include "blindbox/image/internal/ends.h"
namespace blindbox::image::internal {
Result<std::unique_ptr<Source>> open_registry_source(const Reference&, const Access&) {
  return base::fail(ErrorKind::usage, "x");
}
Result<std::unique_ptr<Target>> open_registry_target(const Reference&, const Access&) {
  return base::fail(ErrorKind::usage, "x");
}
}  // namespace blindbox::image::internal
