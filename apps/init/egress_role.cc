// SPDX-License-Identifier: Apache-2.0
// The forward proxy's process: it holds no key, and alone of all may look names up.
#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "blindbox/base/file.h"
#include "blindbox/sandbox/helper.h"
#include "channel.h"
#include "roles.h"
#ifdef BLINDBOX_HAS_EGRESS
#include "blindbox/egress/egress.h"
#endif

namespace blindbox::init {

#ifdef BLINDBOX_HAS_EGRESS
namespace {

Result<void> run() {
  auto bytes = base::read_file(std::string(specification::kSpecificationPath), specification::kSpecificationCap);
  if (!bytes) return base::pass_on(bytes);
  auto specification = specification::decode(base::as_text(*bytes));
  if (!specification) return base::pass_on(specification);
  sandbox::HelperRights rights;
  rights.user = kEgressUser;
  rights.datagrams = true;
  auto notes = sandbox::restrict_helper(rights, ::getppid());
  if (!notes) return base::pass_on(notes);
  if (!notes->empty()) spdlog::info("egress: {}", *notes);
  egress::Settings settings;
  settings.listening = kListenerFd;
  settings.allowed = specification->egress;
  settings.drain = kEgressDrain;
  auto counted = egress::run(std::move(settings));
  if (!counted) return base::pass_on(counted);
  spdlog::info("egress: {}", egress::to_json(*counted));
  return {};
}

}  // namespace

int run_egress(const std::vector<std::string>&) {
  if (::fcntl(kListenerFd, F_GETFD) < 0)
    return report({ErrorKind::usage, "this role is started by blindbox-init itself", "", ""});
  auto ran = run();
  return ran ? 0 : report(ran.error());
}
#else
int run_egress(const std::vector<std::string>&) {
  return report({ErrorKind::internal, "this blindbox-init was built without the egress proxy", "", ""});
}
#endif

}  // namespace blindbox::init
