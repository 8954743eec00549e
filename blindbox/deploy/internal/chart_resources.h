// SPDX-License-Identifier: Apache-2.0
// The templates of the Helm chart, one per resource of Kubernetes.
#pragma once

namespace blindbox::deploy::internal {

extern const char* const kService;
extern const char* const kDeployment;
extern const char* const kDisruption;
extern const char* const kNetwork;
extern const char* const kAutoscaler;

}  // namespace blindbox::deploy::internal
