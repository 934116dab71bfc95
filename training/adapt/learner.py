"""One model that learns from some pairs of an adaptation, and each time begins anew."""

from collections.abc import Callable, Sequence

from training.adapt.blend import WeightBlend
from training.adapt.order import CaptionOrder
from training.config import RunConfig
from training.features.stream import FeaturePairs
from training.method.learners import build_optimizer
from training.method.objective import build_objective
from training.method.towers import PairTowers
from training.run.loop import Plan, TrainState, train
from training.run.model import RunModel
from training.run.window import StepReport


class AdaptLearner:
    """The towers of one model; `blend` leads from their start to what was learned last."""

    def __init__(
        self,
        built: RunModel,
        stream: Callable[[CaptionOrder], FeaturePairs],
        config: RunConfig,
        *,
        kinds: Sequence[int],
        plan: Plan,
    ) -> None:
        """
        Args:
            stream: batches of all pairs in an order.
            kinds: of each pair, see `caption_kinds`.
        """
        self.plan = plan
        self.towers = PairTowers(built.model, built.processor, config=config)
        self.blend = WeightBlend(built.model)
        self.temperature = built.model.cpd_config.similarity_temperature
        """What the loss of the last `learn` ended with; before the first, the start's."""
        self._stream = stream
        self._config = config
        self._kinds = tuple(kinds)

    def learn(self, items: Sequence[int], *, on_step: Callable[[StepReport], bool]) -> None:
        """Learn from pairs alone that can be read, until the plan's end or a False of `on_step`."""
        self.blend.restart()
        config = self._config
        different = len({self._kinds[item] for item in items})
        order = CaptionOrder(
            num_items=len(self._kinds),
            batch_size=min(config.data.batch_size, different),
            seed=config.seed,
            kinds=self._kinds,
            members=tuple(items),
        )
        state = self._state(order)
        batches = self._stream(order).batches(0, self.plan.total_steps)
        train(state, batches, config, plan=self.plan, on_step=on_step)
        self.temperature = state.objective.temperature

    def _state(self, order: CaptionOrder) -> TrainState:
        model, config = self.towers.model, self._config
        objective = build_objective(
            config.loss,
            num_items=order.num_items,
            embed_dim=model.cpd_config.embed_dim,
            seed=config.seed,
            device=str(model.device),
            folder=None,
            batch_size=order.batch_size,
        )
        optimizer = build_optimizer(model, objective.parameters(), config.optimizer)
        return TrainState(towers=self.towers, objective=objective, optimizer=optimizer)
