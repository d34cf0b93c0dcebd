"""What a worker's machine is doing, and the energy of a lease, as far as the worker tells."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("pool", "0004_alerts"),
    ]

    operations = [
        migrations.AddField(
            model_name="lease",
            name="load",
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name="lease",
            name="joules",
            field=models.FloatField(null=True),
        ),
    ]
