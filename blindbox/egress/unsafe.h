// SPDX-License-Identifier: Apache-2.0
// What weakens the proxy, by name. Nothing in a specification leads here.
#pragma once

namespace blindbox::egress {

// Loopback addresses count as public: a test's servers are there. Every other forbidden range stays forbidden.
class AllowLoopbackForTests {};

}  // namespace blindbox::egress
