// SPDX-License-Identifier: Apache-2.0
#include "blindbox/proxy/until.h"

namespace blindbox::proxy {
namespace {

net::Task<Result<evidence::Evidence>> as_it_is(Result<evidence::Evidence> result) { co_return result; }

}  // namespace

attested_tls::CompleteEvidence only_until(base::Time end, std::string what, attested_tls::CompleteEvidence complete,
                                          std::function<base::Time()> now) {
  return [end, what = std::move(what), complete = std::move(complete),
          now = std::move(now)](evidence::Evidence evidence) -> net::Task<Result<evidence::Evidence>> {
    const base::Time at = now();
    if (at >= end) {
      return as_it_is(base::fail(ErrorKind::not_acceptable, what + " has expired",
                                 "it was good until " + base::to_iso8601(end) + ", now is " + base::to_iso8601(at),
                                 "ask the publisher for the current one, and start again with it"));
    }
    return complete ? complete(std::move(evidence)) : as_it_is(std::move(evidence));
  };
}

}  // namespace blindbox::proxy
