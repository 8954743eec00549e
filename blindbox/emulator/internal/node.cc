// SPDX-License-Identifier: Apache-2.0
#include "blindbox/emulator/internal/node.h"

namespace blindbox::emulator::internal {

Node node_at(std::string_view path) {
  using Kind = Node::Kind;
  if (path == "/") return {Kind::root, {}, nullptr};
  if (path == "/emulator.json") return {Kind::notice, {}, nullptr};
  if (path == "/sev-guest") return {Kind::sev_guest, {}, nullptr};
  if (path == "/sev") return {Kind::sev, {}, nullptr};
  if (path == "/tsm") return {Kind::tsm, {}, nullptr};
  if (path == "/tsm/report") return {Kind::reports, {}, nullptr};
  constexpr std::string_view kReports = "/tsm/report/";
  if (!path.starts_with(kReports)) return {};
  path.remove_prefix(kReports.size());
  const std::size_t slash = path.find('/');
  const std::string instance(path.substr(0, slash));
  if (slash == std::string_view::npos) return {Kind::instance, instance, nullptr};
  const TsmAttribute* attribute = TsmFolder::attribute(path.substr(slash + 1));
  return {attribute == nullptr ? Kind::none : Kind::attribute, instance, attribute};
}

}  // namespace blindbox::emulator::internal
