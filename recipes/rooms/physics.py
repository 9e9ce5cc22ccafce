"""Stepping of free and driven bodies, with every contact recorded."""

from __future__ import annotations

import mujoco
import numpy as np

from .contacts import Record
from .rotations import quaternion
from .world import TIMESTEP, World

STILL = 0.004  # m/s or rad/s: contacts of slower bodies are not recorded


class Physics:
    """The state of a world in time."""

    def __init__(self, world: World) -> None:
        self.world, self.model = world, world.compile()
        self.data = mujoco.MjData(self.model)
        self.steps = 0
        self.records: list[Record] = []
        self.addresses = {
            name: (
                int(self.model.jnt_qposadr[self.model.body(name).jntadr[0]]),
                int(self.model.jnt_dofadr[self.model.body(name).jntadr[0]]),
            )
            for name in (*world.free, *world.driven)
        }
        self._drive(0.0)
        self._hold(0.0)
        self.mocap = {name: int(self.model.body(name).mocapid[0]) for name in world.posed}

    def advance(self, seconds: float) -> None:
        """Steps until `seconds`, and poses scripted bodies."""
        target = round(seconds / TIMESTEP)
        while self.world.free and self.steps < target:
            self._step()
        for name, path in self.world.posed.items():
            place, axes = path(seconds)
            self.data.mocap_pos[self.mocap[name]] = place
            self.data.mocap_quat[self.mocap[name]] = quaternion(axes)
        if not self.world.free:
            self._drive(seconds)
        mujoco.mj_kinematics(self.model, self.data)
        mujoco.mj_comPos(self.model, self.data)
        mujoco.mj_camlight(self.model, self.data)

    def _drive(self, time: float) -> None:
        for name, path in self.world.driven.items():
            at, speed = self.addresses[name]
            body = self.model.body(name)
            now = path(time)[0]
            self.data.qpos[at : at + 3] = now - body.pos
            self.data.qvel[speed : speed + 3] = (path(time + TIMESTEP)[0] - now) / TIMESTEP

    def _hold(self, time: float) -> None:
        for name, release in self.world.free.items():
            if time > release.time:
                continue
            at, speed = self.addresses[name]
            place, axes = release.path(time)
            self.data.qpos[at : at + 3], self.data.qpos[at + 3 : at + 7] = place, quaternion(axes)
            self.data.qvel[speed : speed + 6] = release.velocity

    def _step(self) -> None:
        model, data = self.model, self.data
        time = self.steps * TIMESTEP
        self._drive(time)
        self._hold(time)
        mujoco.mj_step1(model, data)
        moving = data.ncon and np.abs(data.qvel).max() > STILL
        if moving:
            bodies = model.geom_bodyid[data.contact.geom]
            record = Record(
                self.steps,
                bodies,
                data.contact.pos.copy(),
                data.contact.frame[:, :3].copy(),
                data.cvel[bodies],
                data.subtree_com[model.body_rootid[bodies]],
                data.xipos[bodies],
            )
        mujoco.mj_step2(model, data)
        if moving:
            rows = data.contact.efc_address
            force = data.efc_force[np.maximum(rows, 0)] if data.nefc else np.zeros(len(rows))
            record.force = np.where(rows >= 0, force, 0.0)
            self.records.append(record)
        self.steps += 1
