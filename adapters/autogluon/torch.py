# pyright: basic
# AutoGluon ships no types that can be relied on.
"""AutoGluon's own network, searchable by any searcher."""

from typing import Any, ClassVar

from autogluon.core.hpo.constants import CUSTOM_BACKEND
from autogluon.tabular.models.tabular_nn.torch.tabular_nn_torch import TabularNeuralNetTorchModel

__all__ = ["TorchModel"]


class TorchModel(TabularNeuralNetTorchModel):
    """AutoGluon's NN_TORCH with hyperparameters that `NASSearcher` can search; needs PyTorch.

    AutoGluon itself searches NN_TORCH under Ray only, with its own searchers. Only hyperparameters
    that are given as search spaces are searched.

    Example:
        `{TorchModel: {"num_layers": space.Int(1, 5), "ag_args": {"hyperparameter_tune_kwargs":
        {"scheduler": "local", "searcher": NASSearcher(), "num_trials": 20}}}}`
    """

    ag_key = "NASBRIDGE_TORCH"
    ag_name = "TorchModel"
    # see KerasModel
    _default_ag_args_ensemble_extra: ClassVar = {"fold_fitting_strategy": "sequential_local"}

    def _get_hpo_backend(self) -> str:
        return str(CUSTOM_BACKEND)

    def _get_default_searchspace(self) -> dict[str, Any]:
        return {}  # AutoGluon would add it to the user's search space
